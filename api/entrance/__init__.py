"""The few pages that work by themselves, before there is any portal.

The front page, and the pages that letters and the terminal lead to: password reset,
sign-up, invitation. Their shape is in templates/, their looks and behaviour in assets/,
their words in models/locale under PAGE_FRONT_ and PAGE_DOOR_.
"""
