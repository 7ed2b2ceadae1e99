"""The serving benchmark: our model server and its peers on the same models and requests, interleaved in one run."""
