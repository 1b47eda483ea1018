"""Work orders: the list as an address asks for it, and the page of one."""
