"""Documents that must fail, and how."""
