"""Outputs on the full screen: the only folder that knows Textual."""
