"""What people do beside approvals: halts, escalations, resolutions, later looks."""
