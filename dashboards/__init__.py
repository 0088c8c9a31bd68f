"""What people see: the console and the provisioned Grafana dashboards."""
