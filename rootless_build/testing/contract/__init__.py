"""The contract: what every backend does with its real engine, as tests."""
