"""Starts a thread when it is imported, as some modules do."""

import threading
import time

threading.Thread(target=time.sleep, args=(60,)).start()
