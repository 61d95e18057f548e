import pytest

pytest.register_assert_rewrite("tests.contract", "tests.story")  # they assert, and are no test modules
