"""`shouwang replay`: rules on trial. What is asked, from where readings come, the run, its reports."""
