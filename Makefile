# Aliases for those who have make; run.py does the work.
.PHONY: run test check format bench
run: ; @exec python3 run.py
test: ; @exec python3 run.py test
check: ; @exec python3 run.py check
format: ; @exec python3 run.py format
bench: ; @exec python3 run.py bench
