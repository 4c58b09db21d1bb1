"""The engine for PostgreSQL by itself: engine.c with a database of its own."""

import os
import subprocess
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

from _postgres import BUILD, Postgres     # noqa: E402


def main():
    with Postgres() as postgres:
        database = postgres.create("engine")
        done = subprocess.run([f"{BUILD}/tests/store/postgresql-engine"], check=False,
                              env={**os.environ, "STAGE_TEST_URL": postgres.url(database)})
        if done.returncode != 0:
            print(postgres.log()[-4000:])
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
