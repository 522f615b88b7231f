"""Where credentials are found, and that they never show."""

import pickle
import sys

import pytest

from unclouded.catalog import Credentials, Login, Secret, Service, find_credentials
from unclouded.core.errors import InputError, OptionError

WORD = "correct-horse"


def pair(login):
    return (login.name, login.secret.reveal()) if login else None


def test_from_the_environment():
    found = find_credentials(
        {
            "UNCLOUDED_CDSE_USERNAME": "me",
            "UNCLOUDED_CDSE_PASSWORD": WORD,
            "UNCLOUDED_CDSE_TOTP": "123456",
            "UNCLOUDED_CDSE_S3_KEY": "k",
            "UNCLOUDED_CDSE_S3_SECRET": "s",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_SESSION_TOKEN": "t",
        }
    )
    assert pair(found.cdse) == ("me", WORD)
    assert found.cdse.one_time.reveal() == "123456"
    assert (pair(found.cdse_s3), pair(found.aws)) == (("k", "s"), ("a", "b"))
    assert found.aws.one_time.reveal() == "t"


def test_from_eodags_environment():
    prefix = "EODAG__COP_DATASPACE__AUTH__CREDENTIALS__"
    found = find_credentials({f"{prefix}USERNAME": "me", f"{prefix}PASSWORD": WORD})
    assert pair(found.cdse) == ("me", WORD)


def test_half_of_a_pair_is_an_error_without_the_half():
    with pytest.raises(OptionError, match="expected both UNCLOUDED_CDSE_USERNAME") as caught:
        find_credentials({"UNCLOUDED_CDSE_PASSWORD": WORD})
    assert WORD not in str(caught.value)


def test_from_netrc(tmp_path):
    path = tmp_path / "netrc"
    path.write_text(f"machine identity.dataspace.copernicus.eu login me password {WORD}\n")
    path.chmod(0o600)
    assert pair(find_credentials({}, netrc_file=path).cdse) == ("me", WORD)
    ours = {"UNCLOUDED_CDSE_USERNAME": "other", "UNCLOUDED_CDSE_PASSWORD": "x"}
    assert find_credentials(ours, netrc_file=path).cdse.name == "other"


def test_a_netrc_without_the_machine_or_none_at_all(tmp_path):
    path = tmp_path / "netrc"
    path.write_text("machine elsewhere.example login me password x\n")
    path.chmod(0o600)
    assert find_credentials({}, netrc_file=path) == Credentials()
    assert find_credentials({}, netrc_file=tmp_path / "none") == Credentials()


def test_a_broken_netrc_is_said_without_what_it_holds(tmp_path):
    path = tmp_path / "netrc"
    path.write_text(f"machine identity.dataspace.copernicus.eu login me {WORD} password\n")
    path.chmod(0o600)
    with pytest.raises(InputError, match="netrc: expected a netrc file") as caught:
        find_credentials({}, netrc_file=path)
    assert WORD not in f"{caught.value}{caught.value.__cause__}"


def test_from_eodags_own_configuration(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "eodag.yml"
    path.write_text(
        "peps:\n  auth:\n"
        "cop_dataspace:\n  priority: 1\n  auth:\n"
        f"    credentials:\n      username: me\n      password: {WORD}\n"
        "cop_dataspace_s3:\n  auth:\n    credentials:\n"
        "      aws_access_key_id: k\n      aws_secret_access_key: s\n"
    )
    found = find_credentials({}, eodag_file=path)
    assert (pair(found.cdse), pair(found.cdse_s3)) == (("me", WORD), ("k", "s"))


@pytest.mark.parametrize("text", ["", "[]", "cop_dataspace:\n", "cop_dataspace:\n  auth: x\n"])
def test_an_eodag_configuration_that_names_nobody(tmp_path, text):
    pytest.importorskip("yaml")
    (tmp_path / "eodag.yml").write_text(text)
    assert find_credentials({}, eodag_file=tmp_path / "eodag.yml") == Credentials()


def test_a_broken_eodag_configuration_is_said_without_what_it_holds(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "eodag.yml").write_text(f"password: [{WORD}\n")
    with pytest.raises(InputError, match="expected the YAML") as caught:
        find_credentials({}, eodag_file=tmp_path / "eodag.yml")
    assert WORD not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_yaml_there_is_no_eodag(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "eodag.yml").write_text("cop_dataspace: {}")
    assert find_credentials({}, eodag_file=tmp_path / "eodag.yml") == Credentials()


def test_nothing_that_holds_a_secret_shows_or_keeps_it():
    login = Login(name="me", secret=Secret(WORD), one_time=Secret("123456"))
    everything = Service(credentials=Credentials(cdse=login, cdse_s3=login, aws=login))
    texts = [f"{thing!r} {thing}" for thing in (login.secret, login, everything, everything.credentials)]
    assert not [text for text in texts if WORD in text or "123456" in text]
    with pytest.raises(TypeError, match="not written to disk"):
        pickle.dumps(login)
