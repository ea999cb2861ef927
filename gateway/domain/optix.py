"""The one file that knows the vendor's words."""
