"""``python -m usecases.cli``."""

from usecases.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
