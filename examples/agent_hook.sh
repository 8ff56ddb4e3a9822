#!/bin/sh
# A hook for a coding agent or a long build: speaks the exit status, and never fails itself.
#
#     make; examples/agent_hook.sh $?
status=${1:-0}
if [ "$status" -eq 0 ]; then text="Done."; else text="It failed with status $status."; fi
voicecli say -q --timeout 5 -- "$text" || :
