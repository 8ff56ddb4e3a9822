"""The remedies that several errors of a request suggest, each worded once."""

CHECK_BASE_URL = "--base-url usually ends in /v1"
CHECK_BILLING = "check the account's plan and billing"
CHECK_KEY = "set the key's variable (`voicecli config show` names it)"
LOOK_FOR_PROXY = "look for a proxy in front of the server that compresses or changes answers"
SET_CONNECT_TIMEOUT = (
    "check that the server runs; connect_timeout_s in the configuration sets the limit"
)
SET_TIMEOUT = "--timeout sets how long to wait"
TRY_AGAIN = "try again; if it happens every time, the server's log may say why"
USE_HTTPS = "if the server speaks https, use https:// in --base-url"
WAIT = "wait, or raise --retries"
