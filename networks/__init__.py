"""Published architectures live here that more than one part of the project uses, and the reading of their files."""
