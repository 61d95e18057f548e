import pytest

# they assert, and are no test modules
pytest.register_assert_rewrite("tests.support.contract", "tests.support.contract_examples")
