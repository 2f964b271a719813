"""Enrolment of faces: three photographs, one template a person, reviews, and the gallery that gates are filled from."""
