"""The pictures of the docs: screens of a real `make run` with a state that is a story. `make pictures` writes them.

docs/pictures has each in both colours, and beside them what a screen reader gets of it: test_pictures.py compares that.
"""
