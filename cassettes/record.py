"""Record the cassettes of the adapters: `python cassettes/record.py synthetic`, or with your keys `… openai google`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "providers"))

from recordings import main

if __name__ == "__main__":
    main()
