import pytest

pytest.register_assert_rewrite("tests.contract")  # it asserts, and is no test module
