"""What the server tells about itself: metrics, logs, webhooks, traces."""
