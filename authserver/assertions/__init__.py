"""Assertions for applications that speak SAML: the pool as their identity provider (`federation.saml_idp`)."""
