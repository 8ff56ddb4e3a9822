#!/bin/sh
# A hook for an agent or a long build: says how it ended, and never fails because of it.
#
#     make; examples/agent_hook.sh $?
status=${1:-0}
if [ "$status" -eq 0 ]; then text="Done."; else text="It failed with status $status."; fi
voicecli say -q --timeout 5 -- "$text" || :
