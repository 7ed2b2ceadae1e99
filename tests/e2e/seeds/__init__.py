"""What users wrote, line by line; a package, so that its stack ends with it."""
