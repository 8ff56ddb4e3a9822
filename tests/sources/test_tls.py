from __future__ import annotations

import contextlib
import socket
import ssl
import threading

import pytest
import trustme

from tests.sources.clients import AUDIO, fails, read
from voicecli.config.server import Server
from voicecli.errors import NetworkError
from voicecli.sources.transport import trusted_certificates

pytestmark = pytest.mark.usefixtures("no_proxy")


class TestTrust:
    def test_plain_http_trusts_no_certificate(self):
        context = trusted_certificates(Server("http://speech.example/v1"))
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.get_ca_certs() == []

    @pytest.mark.parametrize("host", ["speech.example", "localhost"])
    def test_https_is_verified(self, host):
        context = trusted_certificates(Server(f"https://{host}/v1"))
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname

    @pytest.mark.parametrize("host", ["speech.example", "localhost"])
    def test_https_trusts_the_file_that_the_environment_names(self, host, tmp_path, monkeypatch):
        path = tmp_path / "ca.pem"
        trustme.CA().cert_pem.write_to_path(path)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert len(trusted_certificates(Server(f"https://{host}/v1")).get_ca_certs()) == 1


@contextlib.contextmanager
def answering_over_tls(answer, *, closes, tmp_path, monkeypatch):
    """A server that sends ``answer`` over TLS, and announces its end if ``closes``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def serve():
        connection, _ = listener.accept()
        # The client may leave without a closing message of its own.
        with contextlib.suppress(OSError), context.wrap_socket(connection, True) as secure:
            received = b""
            while not received.endswith(b"}"):
                received += secure.recv(65536)
            secure.sendall(answer)
            if closes:
                secure.unwrap()
            socket.socket.shutdown(secure, socket.SHUT_WR)
            secure.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://localhost:{listener.getsockname()[1]}/v1"
        finally:
            thread.join(10)


class TestEndOverTls:
    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\n"

    def test_an_answer_without_length_ends_with_a_closing_message(self, tmp_path, monkeypatch):
        answer = self.HEAD + b"\r\n" + AUDIO
        given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        with answering_over_tls(answer, closes=True, **given) as url:
            assert read(url) == AUDIO

    def test_without_one_it_was_cut(self, tmp_path, monkeypatch):
        answer = self.HEAD + b"\r\n" + AUDIO
        given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        with answering_over_tls(answer, closes=False, **given) as url:
            assert f"cut after {len(AUDIO)} bytes" in fails(url, NetworkError).message

    def test_an_answer_of_its_length_needs_none(self, tmp_path, monkeypatch):
        answer = self.HEAD + b"Content-Length: %d\r\n\r\n" % len(AUDIO) + AUDIO
        given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        with answering_over_tls(answer, closes=False, **given) as url:
            assert read(url) == AUDIO

    def test_an_end_before_the_answer_is_not_about_trust(self, tmp_path, monkeypatch):
        given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        with answering_over_tls(b"", closes=False, **given) as url:
            fault = fails(url, NetworkError)
        assert fault.message == f"{url} closed the connection"
        assert fault.retryable

    def test_a_plain_request_has_the_remedy(self, tmp_path, monkeypatch):
        given = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        with answering_over_tls(b"", closes=False, **given) as url:
            fault = fails(url.replace("https:", "http:"), NetworkError)
        assert "use https://" in fault.remedy
