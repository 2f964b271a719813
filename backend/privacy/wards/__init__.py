"""Children and whoever acts for them: consents, faces, requests; coming of age."""
