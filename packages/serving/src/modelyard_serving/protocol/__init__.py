"""The Open Inference Protocol without a transport: datatypes, tensors, and their JSON and binary forms."""
