"""Pictures: where things are drawn, in units of their own. Templates draw them."""
