"""What the authority's own register calls households that were entered by hand."""
