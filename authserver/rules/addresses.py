"""Email addresses and phone numbers in their normal forms. No DNS, no network."""


def normal_email(text: str) -> str:
    """The address with its domain in lower case and its characters in NFC. Raises ValueError.

    Internal and test domains are allowed: whether mail arrives is found out by sending it.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(
            text, check_deliverability=False, globally_deliverable=False, test_environment=True
        ).normalized
    except EmailNotValidError:
        raise ValueError("is not an email address") from None


def normal_phone_number(text: str) -> str:
    """The number in E.164, which OpenID Connect Core 5.1 recommends: "+15550100200". Raises ValueError."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError("is not a phone number with its country code, such as +15550100200") from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise ValueError("is not a phone number with its country code, such as +15550100200")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
