"""What is measured, numbered and kept on the disk until the server has it; the collector keeps its
batches in the same journal.
"""
