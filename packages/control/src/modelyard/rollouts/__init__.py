"""Roll-outs: a version takes over the requests of another one in steps, is compared with it, and is taken back if
worse."""
