"""Our own rules, each a function from the objects of an overlay to what is wrong with them."""
