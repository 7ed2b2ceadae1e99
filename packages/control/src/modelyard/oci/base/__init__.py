"""The base of images: where it comes from, what it offers to an environment, and how a root file system becomes one."""
