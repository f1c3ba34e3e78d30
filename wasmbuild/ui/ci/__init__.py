"""What a job of GitHub Actions or of GitLab's CI sees: groups, annotations, summaries, outputs."""
