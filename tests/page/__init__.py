"""What the function console serves, and the form of the page's modules: without a browser. tests/console has one."""
