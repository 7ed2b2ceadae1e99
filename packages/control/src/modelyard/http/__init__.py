"""The management API over HTTP: one application, one table of errors, one guard, middleware one a file."""
