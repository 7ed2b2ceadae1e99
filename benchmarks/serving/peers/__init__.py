"""The servers that are compared, one module for each: what it needs, how it is started, how it is asked. They are all
in their production setting: one worker, no access log, no debugging; nothing is tuned to the benchmark's input."""
