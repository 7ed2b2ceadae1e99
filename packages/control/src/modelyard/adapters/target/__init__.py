"""Where model servers run (`ports/target.py`): processes of this machine, or a fake of them."""
