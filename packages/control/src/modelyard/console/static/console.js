// What every page of the console has: keys, copying, logs, and the help. Pages work without it.
import "./copy-button.js";
import "./keys.js";
import "./live-events.js";
import "./time-slider.js";
import "./live-log.js";
