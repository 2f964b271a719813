"""For tests of programs that use this SDK: a whole server in memory, and recognition without models.

```python
backend = FakeBackend()
alice = backend.add_person(template=synthetic.template(1))
with GateClient.provision("https://fake", backend.claim(), data_dir=tmp_path, transport=backend.transport) as gate:
    gate.start(wait=5)
```

``FakeBackend`` speaks exactly the wire contract and signs its heads; ``serve()`` puts it on a loopback port for gates
in processes of their own. ``gate_sdk.testing.synthetic`` needs the ``face`` extra, this module does not.
"""

from gate_sdk.testing.backend import FakeBackend, Person, always
from gate_sdk.testing.http import Request, Response
from gate_sdk.testing.phone import Phone

__all__ = ["FakeBackend", "Person", "Phone", "Request", "Response", "always"]
