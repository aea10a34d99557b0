"""moto's server with authentication on: IAM and Secrets Manager over their real protocols, as a process of its own."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.workspace.free_port import free_port
from tests.world import ROOT, Sandbox, Workspace, make_workspace

REGION = "us-east-1"
CONNECTION = """
[connections.{name}]
kind = "{name}"
base_url = "http://127.0.0.1:{port}"
tenant = "acme"
environment = "prod"
auth = "sigv4"
region = "us-east-1"
service = "{service}"
exclusive = {exclusive}
read = "file:.ailyus/secrets/aws-read"
write = "file:.ailyus/secrets/aws-write"
max_timeout = "1s"
max_settle = "500ms"
"""


class Aws:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(400):
            try:
                httpx2.get(f"{self.url}/moto-api/", trust_env=False, verify=False)
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        self.reset()

    def reset(self) -> None:
        """As it began: new principals, a user with one key, and the secret that keeps it."""
        httpx2.post(f"{self.url}/moto-api/reset-auth", content=b"100", trust_env=False, verify=False)
        httpx2.post(f"{self.url}/moto-api/reset", trust_env=False, verify=False)
        iam = self.client("iam", "x", "y")
        self.writer = self._principal(iam, "gateway-writer", ["iam:*", "secretsmanager:*"])
        self.reader = self._principal(
            iam, "gateway-reader", ["iam:List*", "iam:Get*", "secretsmanager:Describe*", "secretsmanager:List*"]
        )
        iam.create_user(UserName="ci")
        old = iam.create_access_key(UserName="ci")["AccessKey"]
        self.old: tuple[str, str] = (old["AccessKeyId"], old["SecretAccessKey"])
        self._allow(iam, "ci", ["sts:*", "secretsmanager:*"])
        self.client("secretsmanager", "x", "y").create_secret(Name="ci/deploy", SecretString=self.old[1])
        httpx2.post(f"{self.url}/moto-api/reset-auth", content=b"0", trust_env=False, verify=False)
        self.iam: Any = self.client("iam", *self.writer)

    def client(self, service: str, key: str, secret: str) -> Any:
        # imported where it is used: the tests that have no such server do not wait for it
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        config = Config(retries={"max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=REGION,
            config=config,
        )

    def _principal(self, iam: Any, name: str, actions: list[str]) -> tuple[str, str]:
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._allow(iam, name, actions)
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _allow(self, iam: Any, name: str, actions: list[str]) -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)

    def enabled_device(self) -> str:
        """The serial number of an MFA device that `ci` has from now on."""
        serial = str(self.iam.create_virtual_mfa_device(VirtualMFADeviceName="ci")["VirtualMFADevice"]["SerialNumber"])
        self.iam.enable_mfa_device(
            UserName="ci", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
        )
        return serial

    def keys(self) -> dict[str, str]:
        found = self.iam.list_access_keys(UserName="ci")["AccessKeyMetadata"]
        return {k["AccessKeyId"]: k["Status"] for k in found}

    def works(self, key: str, secret: str) -> bool:
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]

        try:
            self.client("secretsmanager", key, secret).describe_secret(SecretId="ci/deploy")
        except ClientError:
            return False
        return True

    def stored(self) -> str:
        client = self.client("secretsmanager", *self.writer)
        return str(client.get_secret_value(SecretId="ci/deploy")["SecretString"])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def aws_process() -> Iterator[Aws]:
    server = Aws()
    yield server
    server.close()


@pytest.fixture
def aws(aws_process: Aws) -> Aws:
    aws_process.reset()
    return aws_process


def aws_workspace(folder: Path, sandbox: Sandbox, aws: Aws, port: int, exclusive: bool = True) -> Workspace:
    """A sandbox workspace with the AWS contracts beside it; both connections go through `port`."""
    pairs = (("aws_iam", "iam"), ("aws_secrets", "secretsmanager"))
    extra = "".join(
        CONNECTION.format(name=name, service=service, port=port, exclusive=str(exclusive).lower())
        for name, service in pairs
    )
    workspace = make_workspace(folder, sandbox, extra=extra)
    shutil.copytree(ROOT / "contracts" / "library" / "aws", folder / "contracts" / "aws")
    secrets = folder / ".ailyus" / "secrets"
    (secrets / "aws-read").write_text(":".join(aws.reader) + "\n")
    (secrets / "aws-write").write_text(":".join(aws.writer) + "\n")
    return workspace
