"""What a workspace holds, to look at: report.html, the page of each run, and the tables in the terminal."""
