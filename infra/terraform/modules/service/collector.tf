# A collector beside each process reads its Prometheus page over the task's own loopback, writes what alarms and scaling
# need to CloudWatch, and hands traces on to X-Ray. Page and collector are reachable from nowhere else.

locals {
  collector_config = {
    for process in ["api", "worker"] : process => yamlencode({
      receivers = {
        otlp = { protocols = { http = { endpoint = "127.0.0.1:4318" } } }
        prometheus = {
          config = {
            scrape_configs = [{
              job_name        = process
              scrape_interval = "30s"
              static_configs  = [{ targets = ["127.0.0.1:${var.metrics_port}"] }]
            }]
          }
        }
      }
      processors = {
        batch    = {}
        resource = { attributes = [{ key = "Deployment", value = var.name, action = "upsert" }] }
      }
      exporters = {
        awsemf = {
          namespace               = "Doorward"
          log_group_name          = var.log_groups.metrics
          region                  = var.region
          dimension_rollup_option = "NoDimensionRollup"
          # What the processor above adds becomes the dimension below.
          resource_to_telemetry_conversion = { enabled = true }
          metric_declarations = [{
            dimensions            = [["Deployment"]]
            metric_name_selectors = var.metrics
          }]
        }
        awsxray = { region = var.region }
      }
      service = {
        pipelines = {
          metrics = { receivers = ["prometheus"], processors = ["resource", "batch"], exporters = ["awsemf"] }
          traces  = { receivers = ["otlp"], processors = ["resource", "batch"], exporters = ["awsxray"] }
        }
      }
    })
  }

  collector = {
    for process, config in local.collector_config : process => {
      name                   = "collector"
      image                  = var.collector_image
      essential              = false
      readonlyRootFilesystem = true
      environment            = [{ name = "AOT_CONFIG_CONTENT", value = config }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = var.log_groups[process]
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = "collector"
        }
      }
    }
  }
}
