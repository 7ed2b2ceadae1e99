"""When and where a prediction runs: on the event loop when it is short, else in a thread behind a bounded queue."""
