"""Errors that a user can act on."""


class InputError(Exception):
    """Bad input: one clear sentence naming the file, record or key, what is wrong and what to do.

    Commands and stages print it without a traceback and exit with code 2.
    """
