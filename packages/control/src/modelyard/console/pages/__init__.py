"""The pages, a module a group. Each is: call the API, render."""
