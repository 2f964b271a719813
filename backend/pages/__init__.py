"""What people open in a browser: ``/my`` and ``/visit``, static, and clients of the same API as everybody else's."""
