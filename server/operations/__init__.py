"""What people do beside approvals: releases, connections, halts, escalations, resolutions, later looks."""
