"""The hosted pages: sign-in, consent, sign-out, errors, complete without JavaScript.

Owns how they look (views, templates, languages, branding, the headers they are sent with) and the handlers that speak
HTTP. Must not know how anything is stored, nor decide who may sign in: that is `signin`.
"""
