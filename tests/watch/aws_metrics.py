"""The metrics of AWS that alarms and the dashboard use, with their dimension, each from the document that lists it."""

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
HTTP_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"

SOURCES = {
    ("AWS/Lambda", "Invocations", "FunctionName"): LAMBDA,
    ("AWS/Lambda", "Errors", "FunctionName"): LAMBDA,
    ("AWS/Lambda", "Throttles", "FunctionName"): LAMBDA,
    ("AWS/Lambda", "Duration", "FunctionName"): LAMBDA,
    ("AWS/Lambda", "ConcurrentExecutions", "FunctionName"): LAMBDA,
    ("AWS/Lambda", "RecursiveInvocationsDropped", "FunctionName"): LAMBDA,
    ("AWS/ApiGateway", "Count", "ApiId"): HTTP_API,
    ("AWS/ApiGateway", "4xx", "ApiId"): HTTP_API,
    ("AWS/ApiGateway", "5xx", "ApiId"): HTTP_API,
    ("AWS/ApiGateway", "Latency", "ApiId"): HTTP_API,
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"): SQS,
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"): SQS,
    ("AWS/RDS", "ServerlessDatabaseCapacity", "DBClusterIdentifier"): AURORA,
    ("AWS/RDS", "DatabaseConnections", "DBClusterIdentifier"): AURORA,
}
