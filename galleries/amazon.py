"""What an error of AWS means to the operator: which variable or credential to look at. Never a value, never a key."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)

_ABSENT = {"NoSuchBucket", "ResourceNotFoundException", "NoSuchDistribution", "NoSuchPublicKey"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN = {
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403"}
_CLOCK = {"RequestTimeTooSkewed"}


def explain(error: ClientError | BotoCoreError, variable: str) -> str:
    """One sentence on ``error``, met while using what the environment variable ``variable`` names."""
    if isinstance(error, ClientError):
        return _explain_answer(str(error.response.get("Error", {}).get("Code", "")), variable)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return "AWS credentials are missing: no role of this machine, no AWS_ACCESS_KEY_ID."
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "AWS_ENDPOINT_URL or AWS_REGION: nothing answers there."
    if isinstance(error, ProfileNotFound):
        return "AWS_PROFILE names no profile of this machine."
    if isinstance(error, ParamValidationError):
        return f"{variable} is not a name that AWS takes."
    if isinstance(error, SSLError):
        return "AWS_ENDPOINT_URL: its certificate is not trusted (AWS_CA_BUNDLE)."
    return f"{variable}: no answer ({type(error).__name__})."


def _explain_answer(code: str, variable: str) -> str:
    if code in _ABSENT:
        return f"{variable} names nothing that exists in AWS_REGION."
    if code in _ELSEWHERE:
        return f"AWS_REGION is not the region of {variable}."
    if code in _EXPIRED:
        return "AWS credentials have expired."
    if code in _UNKNOWN:
        return "AWS credentials are not accepted."
    if code in _FORBIDDEN:
        return f"AWS credentials do not allow to use {variable}."
    if code in _CLOCK:
        return "This machine's clock is wrong: AWS refuses its signatures."
    return f"{variable}: refused ({code or 'no code'})."
