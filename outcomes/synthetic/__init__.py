"""A synthetic school: believable student histories, as messy as real platforms deliver them.

`assumptions` holds every rate and delay. No person behind it is real.
"""

from __future__ import annotations

from outcomes.synthetic.json_lines import event_lines, record_lines
from outcomes.synthetic.stream import WorldRecord, generate

__all__ = ["WorldRecord", "event_lines", "generate", "record_lines"]
